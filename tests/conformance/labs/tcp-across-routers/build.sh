. ../../net.sh
chain a b c d
