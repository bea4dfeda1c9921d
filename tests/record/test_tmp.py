import onefold.signals as _s
_s.Change=object
import sys; sys.path.insert(0,'/work/main')
import json
from onefold import record, storage
from onefold.kernel.viewer import SYSTEM
from tests.record.company import *
import pytest
def test_x(conn):
    c=Company(conn); c.engine._next["signals"]=2**62; c.engine._next["health"]=2**62
    c.send(page("d1"), at_ms=NOW-86400000)
    c.send(identify("u1","d1",email="ann@acme.co",name="Ann Lee"), group("u1","acme",name="Acme",plan="pro"), track("u1","Report Exported","acme",format="pdf"))
    c.work()
    p=record.person(conn,SYSTEM,"user_id:u1"); print(json.dumps(p,indent=1))
    print(json.dumps(record.account(conn,SYSTEM,"account_id:acme",NOW),indent=1)[:3500])
    print(json.dumps(record.timeline(conn,SYSTEM,"user_id:u1"),indent=1))
    print(record.list_people(conn,SYSTEM,q="an lea"), record.list_accounts(conn,SYSTEM))
