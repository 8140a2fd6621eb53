. ../../net.sh
segment a b
set_in sw net.bridge.bridge-nf-call-iptables=1
rule sw filter -A FORWARD -m conntrack --ctstate NEW -j ACCEPT
