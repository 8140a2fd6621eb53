. ../../net.sh
chain a b c
ip -n c link set dev left mtu 1300
ip -n b link set dev right mtu 1300
