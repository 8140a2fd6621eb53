. ../../net.sh
chain a r b
route r blackhole 10.9.0.0/16
