. ../../net.sh
segment a b
ip -n a link set dev eth0 mtu 2000
knows a eth0 10.0.0.2 02:00:0a:00:00:02
knows b eth0 10.0.0.1 02:00:0a:00:00:01
