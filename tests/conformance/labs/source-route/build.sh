. ../../net.sh
chain a r b
