. ../../net.sh
chain a r b
route r throw 10.9.0.0/16
