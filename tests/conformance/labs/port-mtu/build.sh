. ../../net.sh
segment a b c
ip -n sw link set dev b mtu 1400
