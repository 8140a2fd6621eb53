. ../../net.sh
segment a b
ip -n sw link set dev a mtu 1400
