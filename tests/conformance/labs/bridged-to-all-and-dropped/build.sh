. ../../net.sh
segment a b
set_in sw net.bridge.bridge-nf-call-iptables=1
rule sw filter -A FORWARD -p udp --dport 53 -m conntrack --ctstate NEW -j DROP
rule sw filter -A FORWARD -p udp --dport 80 -m conntrack --ctstate NEW -j REJECT
