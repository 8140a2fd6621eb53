. ../../net.sh
segment a r c
forwards r
address c lo 10.9.0.1/32
route a 10.9.0.0/24 via 10.0.0.2
address r eth0 10.1.0.2/24
address c eth0 10.1.0.3/24
route r 10.9.0.0/24 via 10.1.0.3
