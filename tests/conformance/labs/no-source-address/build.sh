. ../../net.sh
space a b
wire a eth0 02:00:0a:00:00:01 b eth0 02:00:0a:00:00:02
address b eth0 10.0.0.2/24
route a 10.0.0.0/24 dev eth0
