. ../../net.sh
segment a b
address b eth0 10.0.0.102/24
space x
wire b eth1 02:00:0a:00:01:01 x eth0 02:00:0a:00:01:02
address b eth1 10.1.0.1/24
route a default via 10.0.0.2
