. ../../net.sh
toll
rule r nat -A POSTROUTING -o right -s 10.99.0.0/16 -j MASQUERADE
ip netns exec r conntrack -I -p udp -s 10.0.1.1 -d 10.0.2.2 --sport 40000 --dport 53 -t 100 --src-nat 10.0.2.1:7777 2>&1
