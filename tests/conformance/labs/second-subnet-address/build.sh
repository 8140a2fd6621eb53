. ../../net.sh
segment a b
address a eth0 10.1.0.1/24
address b eth0 10.1.0.2/24
route a 10.8.0.0/16 via 10.1.0.2
route a 10.1.1.0/24 dev eth0
