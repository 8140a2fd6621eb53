. ../../net.sh
segment a b
knows a eth0 10.0.0.2 02:00:0a:00:00:02 permanent
rule b filter -A INPUT -p tcp -j DROP
set_in a net.ipv4.tcp_syn_retries=1 net.ipv4.tcp_syn_linear_timeouts=1
