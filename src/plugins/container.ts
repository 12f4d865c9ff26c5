/**
 * The dependency injection container of a runtime. It is for start-up: nothing on the way of a run
 * resolves from it.
 *
 * Classes say with an explicit `@inject(TOKEN)` what each constructor argument is, because type
 * metadata is not emitted by every compiler; tokens are `Symbol.for('flagos/…')`, so that two copies
 * of this library in one process mean the same by them.
 */
import { Container } from 'inversify';
import { HOST, LOGGER, type Host } from './contract.ts';

/** A runtime's container: holds {@link HOST} and {@link LOGGER}; plugins get a child of it each. */
export const createContainer = (host: Host): Container => {
  const container = new Container({ defaultScope: 'Singleton' });
  container.bind(HOST).toConstantValue(host);
  container.bind(LOGGER).toConstantValue(host.logger);
  return container;
};

/** Where a plugin binds its parts: it sees what the runtime offers, the runtime does not see it. */
export const stagingContainer = (runtime: Container): Container => new Container({ parent: runtime, defaultScope: 'Singleton' });
