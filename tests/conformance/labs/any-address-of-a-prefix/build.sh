. ../../net.sh
chain a r b
route b local 10.9.0.0/16 dev lo
route r 10.9.0.0/16 via 10.0.2.2
