. ../../net.sh
chain a r b
set_in r net.ipv4.icmp_ratelimit=0
set_in b net.ipv4.icmp_ratelimit=0
