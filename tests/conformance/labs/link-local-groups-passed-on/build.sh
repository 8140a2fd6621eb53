. ../../net.sh
segment a b
ip -n sw link set dev br0 type bridge group_fwd_mask 0x4008
