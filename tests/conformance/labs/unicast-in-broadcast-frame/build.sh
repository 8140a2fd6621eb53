. ../../net.sh
segment a b
set_in b net.ipv4.conf.eth0.drop_unicast_in_l2_multicast=1
