. ../../net.sh
segment a b
set_in a net.ipv4.conf.eth0.arp_accept=1
