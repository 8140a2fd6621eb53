. ../../net.sh
segment a b c
ip -n sw link set dev br0 type bridge ageing_time 0
ip -n a link set dev eth0 mtu 576
