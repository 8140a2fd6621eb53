. ../../net.sh
segment a r c
forwards r
address c lo 10.9.0.1/32
route a 10.9.0.0/24 via 10.0.0.2
route r 10.9.0.0/24 via 10.0.0.3
knows a eth0 10.0.0.2 02:00:0a:00:00:02 permanent
set_in a net.ipv4.conf.all.accept_redirects=0 net.ipv4.conf.eth0.accept_redirects=0
