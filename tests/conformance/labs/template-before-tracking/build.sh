. ../../net.sh
toll
rule r raw -A PREROUTING -j CT --zone 7
rule r raw -A PREROUTING -m connmark --mark 0x0 -m comment --comment "no mark"
rule r raw -A PREROUTING -m connmark --mark 0x1 -m comment --comment "a mark"
rule r raw -A PREROUTING -m conntrack --ctstate NEW -m comment --comment new
rule r raw -A PREROUTING -m conntrack --ctstate INVALID -m comment --comment invalid
rule r raw -A PREROUTING -m conntrack --ctstate ESTABLISHED -m comment --comment established
rule r raw -A PREROUTING -j CT --notrack
rule r raw -A PREROUTING -m conntrack --ctstate UNTRACKED -m comment --comment untracked
