. ../../net.sh
segment a b
ip -n sw link set dev a mtu 1400
ip -n sw link set dev br0 mtu 1500
knows a eth0 10.0.0.2 02:00:0a:00:00:02 permanent
knows b eth0 10.0.0.1 02:00:0a:00:00:01 permanent
