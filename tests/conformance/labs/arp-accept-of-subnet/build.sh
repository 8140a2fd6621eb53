. ../../net.sh
segment a b
route a 192.0.2.0/24 dev eth0
set_in a net.ipv4.conf.eth0.arp_accept=2
