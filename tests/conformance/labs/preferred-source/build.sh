. ../../net.sh
segment a b
address a eth0 10.0.0.101/24
address a eth0 10.1.0.1/24
route a 10.8.0.0/16 via 10.0.0.2 src 10.0.0.101
route a 10.9.0.0/16 via 10.0.0.2
