. ../../net.sh
segment a b
address a eth0 10.0.0.65/24
route a 10.8.0.0/16 via 10.0.0.2
route a 10.7.0.0/16 dev eth0
