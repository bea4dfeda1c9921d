import time, statistics
from onefold import record, storage
from onefold.kernel.viewer import SYSTEM
from tests.record.company import *
def test_x(conn, database):
    c=Company(conn)
    for b in range(20):
        c.send(*[x for i in range(100) for x in (identify(f"u{b*100+i}",f"d{b*100+i}",email=f"u{b*100+i}@acme.co",name=f"Ann {i}"), track(f"u{b*100+i}","Report Exported",f"acme{b}",format="pdf"))])
    c.work()
    conn.execute("ANALYZE")
    conn.commit()
    with storage.pool(database,size=2) as pool:
        cs=record.Connections(pool)
        def t(f,n=300):
            ts=[]
            for i in range(n):
                t0=time.perf_counter()
                with cs.open() as k: f(k,i)
                ts.append((time.perf_counter()-t0)*1000)
            ts.sort(); return f"{ts[n//2]:.2f} p95 {ts[int(n*.95)]:.2f}"
        import cProfile,pstats
        print("person", t(lambda k,i: record.person(k,SYSTEM,f"user_id:u{i}")))
        t0=time.thread_time()
        for i in range(300):
            with cs.open() as k: record.person(k,SYSTEM,f"user_id:u{i}")
        print("cpu ms", (time.thread_time()-t0)/300*1000)
        pr=cProfile.Profile(); pr.enable()
        for i in range(300):
            with cs.open() as k: record.person(k,SYSTEM,f"user_id:u{i}")
        pr.disable(); pstats.Stats(pr).sort_stats("cumtime").print_stats(45)
