. ../../net.sh
segment a b c
ip -n sw link set br0 type bridge ageing_time 100
