. ../../net.sh
space a b
wire a eth0 02:00:0a:00:00:01 b eth0 02:00:0a:00:00:02
address a eth0 10.0.0.1/24
address b eth0 10.0.0.2/24
ip -n b link set eth0 mtu 300
