. ../../net.sh
toll
rule r nat -A POSTROUTING -p udp --dport 9 -j MASQUERADE
ct() { ip netns exec r conntrack -I "$@" 2>&1; }
ct -p udp -s 10.0.1.1 -d 10.96.0.10 --sport 40000 --dport 80 -t 300 -u SEEN_REPLY,ASSURED --dst-nat 10.0.2.2:8080 --src-nat 10.0.2.1:7777
ct -p udp -s 10.0.2.2 -d 10.0.1.1 --sport 8080 --dport 40001 -t 300 -u SEEN_REPLY -m 5
ct -p tcp -s 10.0.1.1 -d 10.96.0.10 --sport 41000 --dport 80 -t 3000 --state ESTABLISHED -u SEEN_REPLY,ASSURED --dst-nat 10.0.2.2:80
ct -p icmp -s 10.0.1.1 -d 10.96.0.11 --icmp-type 8 --icmp-code 0 --icmp-id 3 -t 300 --dst-nat 10.0.2.2
