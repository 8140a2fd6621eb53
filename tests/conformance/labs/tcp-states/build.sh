. ../../net.sh
toll
rule r filter -P FORWARD DROP
rule r filter -A FORWARD -m conntrack --ctstate INVALID -j DROP
rule r filter -A FORWARD -m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT
rule r filter -A FORWARD -i left -p tcp --syn -m conntrack --ctstate NEW -j ACCEPT
