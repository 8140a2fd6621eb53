. ../../net.sh
space a r
wire a eth0 02:00:0a:00:01:01 r eth0 02:00:0a:00:01:02
wire a eth1 02:00:0a:00:02:01 r eth1 02:00:0a:00:02:02
address a eth0 10.0.1.1/24
address r eth0 10.0.1.2/24
address a eth1 10.0.2.1/24
address r eth1 10.0.2.2/24
address a lo 10.9.0.1/32
forwards r
route r 10.9.0.1/32 via 10.0.2.1
route a 198.51.100.0/24 via 10.0.1.2 src 10.9.0.1
