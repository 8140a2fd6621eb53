. ../../net.sh
toll
set_in r net.netfilter.nf_conntrack_udp_timeout=2
rule r filter -A FORWARD -i right -m conntrack --ctstate NEW -j DROP
