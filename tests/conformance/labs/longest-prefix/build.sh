. ../../net.sh
space a r1 r2 r3
wire a eth1 02:00:0a:00:01:01 r1 eth0 02:00:0a:00:01:02
address a eth1 10.0.1.1/24
address r1 eth0 10.0.1.2/24
wire a eth2 02:00:0a:00:02:01 r2 eth0 02:00:0a:00:02:02
address a eth2 10.0.2.1/24
address r2 eth0 10.0.2.2/24
wire a eth3 02:00:0a:00:03:01 r3 eth0 02:00:0a:00:03:02
address a eth3 10.0.3.1/24
address r3 eth0 10.0.3.2/24
route a default via 10.0.3.2
route a 10.8.0.0/16 via 10.0.1.2
route a 10.8.1.0/24 via 10.0.2.2
route a 10.8.1.9/32 via 10.0.3.2
route a 10.7.0.0/16 via 10.0.1.2 metric 100
route a 10.7.0.0/16 via 10.0.2.2 metric 50
