. ../../net.sh
segment a b
set_in a net.ipv4.icmp_echo_ignore_broadcasts=0
set_in b net.ipv4.icmp_echo_ignore_broadcasts=0
address b eth0 10.0.0.77/24
