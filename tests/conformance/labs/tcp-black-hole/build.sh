. ../../net.sh
segment a b
ip -n sw link set dev b mtu 1200
