. ../../net.sh
segment a b
set_in b net.ipv4.icmp_ratemask=1
