. ../../net.sh
chain a r b
ip -n r link set dev right mtu 1000
ip -n b link set dev left mtu 1000
knows a right 10.0.1.2 02:00:0a:00:01:02 permanent
knows r left 10.0.1.1 02:00:0a:00:01:01 permanent
knows r right 10.0.2.2 02:00:0a:00:02:02 permanent
knows b left 10.0.2.1 02:00:0a:00:02:01 permanent
rule r filter -P FORWARD DROP
rule r filter -P OUTPUT ACCEPT
rule r filter -A FORWARD -m conntrack --ctstate NEW,ESTABLISHED -j ACCEPT
