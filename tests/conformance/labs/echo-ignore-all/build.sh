. ../../net.sh
segment a b
set_in b net.ipv4.icmp_echo_ignore_all=1
