. ../../net.sh
segment a b c
route a default via 10.0.0.2
knows a eth0 10.0.0.2 02:00:0a:00:00:02 permanent
knows a eth0 10.0.0.3 02:00:0a:00:00:03 permanent
set_in a net.ipv4.conf.all.shared_media=0 net.ipv4.conf.eth0.shared_media=0
route a 10.8.0.0/16 via 10.0.0.3
