. ../../net.sh
chain a r1 r2 b
