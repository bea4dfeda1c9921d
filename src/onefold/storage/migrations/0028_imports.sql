-- Files and tables may hold any object of the CRM.
ALTER TABLE import DROP CONSTRAINT import_target_check;
ALTER TABLE import ADD CONSTRAINT import_target_check CHECK (target IN (
  'people', 'accounts', 'events', 'contacts', 'companies', 'leads', 'deals', 'products',
  'subscriptions', 'activities', 'tickets', 'tasks'));
ALTER TABLE pull DROP CONSTRAINT pull_target_check;
ALTER TABLE pull ADD CONSTRAINT pull_target_check CHECK (target IN (
  'people', 'accounts', 'events', 'contacts', 'companies', 'leads', 'deals', 'products',
  'subscriptions', 'activities', 'tickets', 'tasks'));
ALTER TABLE import_change DROP CONSTRAINT import_change_noun_check;
ALTER TABLE import_change ADD CONSTRAINT import_change_noun_check CHECK (noun IN (
  'account', 'contact', 'lead', 'deal', 'product', 'subscription', 'activity', 'ticket', 'task'));
