. ../../net.sh
segment a b c
knows a eth0 10.0.0.2 02:00:0a:00:00:02
set_in a net.ipv4.conf.eth0.drop_gratuitous_arp=1
