. ../../net.sh
segment a b c
set_in b net.ipv4.icmp_msgs_burst=0
knows b eth0 10.0.0.1 02:00:0a:00:00:01
knows b eth0 10.0.0.3 02:00:0a:00:00:03
