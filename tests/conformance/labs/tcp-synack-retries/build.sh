. ../../net.sh
segment a b
knows a eth0 10.0.0.2 02:00:0a:00:00:02 permanent
knows b eth0 10.0.0.1 02:00:0a:00:00:01 permanent
set_in b net.ipv4.tcp_synack_retries=1
rule a filter -A INPUT -p tcp -j DROP
