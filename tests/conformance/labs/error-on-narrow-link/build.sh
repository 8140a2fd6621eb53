. ../../net.sh
segment a b
ip -n a link set dev eth0 mtu 300
knows a eth0 10.0.0.2 02:00:0a:00:00:02 permanent
knows b eth0 10.0.0.1 02:00:0a:00:00:01 permanent
ip -n b route add 10.0.0.1 dev eth0 mtu 290
