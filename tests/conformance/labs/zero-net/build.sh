. ../../net.sh
chain a r b
address b lo 0.1.2.3/32
