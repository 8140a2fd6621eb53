. ../../net.sh
toll
address b left 10.0.2.3/24; knows r right 10.0.2.3 02:00:0a:00:02:02 permanent
rule r nat -A PREROUTING -d 10.96.0.10 -p udp --dport 80 -j DNAT --to-destination 10.0.2.2:8080
ip netns exec r conntrack -I -p udp -s 10.0.1.1 -d 10.96.0.10 --sport 40000 --dport 80 -t 100 --dst-nat 10.0.2.3:8080 2>&1
