. ../../net.sh
space a b
wire a eth0 02:00:0a:00:00:01 b eth0 02:00:0a:00:00:02
address a eth0 10.0.0.1/24
address a lo 10.5.0.1/32
address b eth0 10.0.0.2/24
set_in a net.ipv4.conf.eth0.route_localnet=1
