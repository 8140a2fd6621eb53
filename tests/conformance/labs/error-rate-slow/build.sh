. ../../net.sh
segment a b
set_in b net.ipv4.icmp_ratelimit=10000
