. ../../net.sh
segment a r c
forwards r
address c lo 10.9.0.1/32
route a 10.9.0.0/24 via 10.0.0.2
route r 10.9.0.0/24 via 10.0.0.3
