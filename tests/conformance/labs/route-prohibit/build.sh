. ../../net.sh
chain a r b
route r prohibit 10.9.0.0/16
