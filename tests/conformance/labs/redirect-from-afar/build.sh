. ../../net.sh
segment a r c
forwards r
address c lo 10.9.0.1/32
route a 10.9.0.0/24 via 10.0.0.2
route r 10.9.0.0/24 via 10.0.0.3
route r 10.7.0.0/24 via 10.0.0.1
route c 10.7.0.0/24 via 10.0.0.1
knows r eth0 10.0.0.1 02:00:0a:00:00:01
